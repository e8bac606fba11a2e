"""The one next step of each role, in words: what, why, how long, until when."""
