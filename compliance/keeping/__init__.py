"""How long records are kept: erasing who left, deleting what is over, and one's own data to take along."""
