"""The scenario file: model, located YAML loader, overrides."""
