"""The sample catalogue, `make demo` and `make airflow`. Not part of the installed package."""
