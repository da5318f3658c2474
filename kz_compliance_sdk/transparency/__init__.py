"""The public figures: counted, what must not be published hidden, and written as page, table, document and lines."""
