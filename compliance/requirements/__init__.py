"""What is asked of whom and by when: the rules and what excuses from them, decided, shown, and opened as cycles."""
