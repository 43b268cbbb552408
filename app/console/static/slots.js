// NiceGUI makes a new component of the template of a slot whenever anything on its page changes, so
// that Vue makes the cells of every table anew and the keyboard loses its place. One template is one
// component here.
{
  const components = new Map();
  const lasting = (type) => {
    const isSlot = type && Object.keys(type).join() === "props,template";
    if (!isSlot) return type;
    if (!components.has(type.template)) components.set(type.template, type);
    return components.get(type.template);
  };
  let vue;
  Object.defineProperty(globalThis, "Vue", {
    get: () => vue,
    set: (given) => {
      vue = { ...given, h: (type, ...more) => given.h(lasting(type), ...more) };
    },
  });
}
