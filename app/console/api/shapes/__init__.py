"""What the API answers, for its description; `app/items` makes the answers themselves."""
