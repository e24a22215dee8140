from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """The tables of this process's Airflow, created without migrations."""
    from airflow import settings
    from airflow.models import import_all_models
    from airflow.models.base import Base

    import_all_models()
    settings.configure_orm()
    Base.metadata.create_all(settings.engine)
