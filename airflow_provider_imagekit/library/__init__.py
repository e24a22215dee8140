"""Whole media libraries as tables: list, plan, fetch what changed, publish. Nothing of Airflow."""
