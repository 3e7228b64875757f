"""What a page shows: widgets, the quiz, figures; what runs in the browser is in `static/`."""
