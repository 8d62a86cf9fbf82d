"""Control of LLM crawlers without JavaScript, for ASGI, WSGI, nginx and other web servers."""
