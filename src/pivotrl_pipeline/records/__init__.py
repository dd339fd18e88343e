"""The records that pass between the parts, and the schemas of the tables."""
