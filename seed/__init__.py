"""Demo town: reference data and demo data as ops, loaded through the real push path."""
