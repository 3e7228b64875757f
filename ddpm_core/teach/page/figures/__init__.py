"""The figures of the lessons, one function each in the file of its lesson, in the one style of `style`."""
