"""Sources and targets."""

from ..values import planned_modules

__getattr__ = planned_modules(
    __name__,
    {
        "amazon_s3": "later",
        "azure_blob": "later",
        "bigquery": "later",
        "doris": "later",
        "falkordb": "later",
        "google_drive": "later",
        "iggy": "later",
        "lancedb": "later",
        "neo4j": "later",
        "oci_object_storage": "later",
        "postgres": "later",
        "qdrant": "later",
        "snowflake": "later",
        "sqlite": "later",
        "surrealdb": "later",
        "turbopuffer": "later",
        "valkey": "later",
        "zvec": "later",
    },
)
