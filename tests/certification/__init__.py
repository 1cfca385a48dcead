"""One behavioural suite of Kafka, told through confluent_kafka's asyncio clients and run against several clusters.

A story drives clients and returns what it observed; what Apache Kafka shows is recorded in `observed.json`. A cluster that
shows anything else has to be excused, value by value, in `accepted.toml`.
"""
