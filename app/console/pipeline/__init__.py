"""What a destination's page is made of: its head, the flow of its events, its books."""
