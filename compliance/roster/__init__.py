"""People in by a file: read (pure), planned row by row, applied row by row."""
