"""What the overview is made of: cards and their charts, sources, and what the relay runs on."""
