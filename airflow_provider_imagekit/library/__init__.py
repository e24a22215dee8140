"""Keeps a table of a whole media library: list, plan, fetch what changed, publish. Independent of Airflow."""
