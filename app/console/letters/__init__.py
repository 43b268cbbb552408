"""What the pages of dead letters are made of: the filter, the rows, the verbs, the editor."""
