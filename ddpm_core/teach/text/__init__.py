"""Text for a page: LaTeX as MathML, and a little markup as HTML."""
