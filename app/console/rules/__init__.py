"""What the page of mapping rules is made of: the form in which one is typed, and the list."""
