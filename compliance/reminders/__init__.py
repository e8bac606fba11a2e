"""Reminders: when, in which words, to whom; and the same days for a calendar program."""
