"""Writes the generated tables of the catalog from the public API models and CloudFormation schemas."""
