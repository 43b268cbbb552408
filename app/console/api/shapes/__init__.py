"""What the API answers, for its description; `app/items.py` makes the answers themselves."""
