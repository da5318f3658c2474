"""A transparency report for those who read it: a page, a table, a document, and lines for Lumen.

A report holds nothing but what may be published, so each form writes the same numbers.
"""
