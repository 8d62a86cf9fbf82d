"""Control of LLM crawlers without JavaScript, for ASGI, WSGI, nginx and friends."""
