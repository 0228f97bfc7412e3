pytest_plugins = ["support.redis", "support.rabbitmq", "support.jobs", "support.api"]
