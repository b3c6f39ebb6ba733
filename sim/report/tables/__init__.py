"""A run as tables: what they hold, as data frames, as Parquet in its folder, and asked with SQL."""
