"""What makes the book: chapters run, checks and figures shown, pages built."""
