"""Text for a page: LaTeX as MathML, and simple Markdown as HTML."""
