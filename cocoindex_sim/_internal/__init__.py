"""Modules that CocoIndex counts as internal and its pipelines import all the same."""
