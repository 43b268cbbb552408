// Sends calls of every type with Node's SDK: ADDRESS COUNT.
import { Analytics } from "@segment/analytics-node"

const [address, count] = process.argv.slice(2)
const analytics = new Analytics({ writeKey: "dev", host: address })
analytics.on("error", (error) => {
  console.error(error)
  process.exitCode = 1
})

const calls = [
  (userId) => analytics.identify({ userId, traits: { plan: "pro" } }),
  (userId) => analytics.track({ userId, event: "API Called", properties: { calls: 3 } }),
  (userId) => analytics.page({ userId, category: "Guide", name: "Start" }),
  (userId) => analytics.screen({ userId, category: "App", name: "Home" }),
  (userId) => analytics.group({ userId, groupId: "team-1", traits: { plan: "pro" } }),
  (userId) => analytics.alias({ userId, previousId: `former-${userId}` }),
]

for (let number = 0; number < Number(count); number++) {
  calls[number % calls.length](`user-${number}`)
}
await analytics.closeAndFlush()
