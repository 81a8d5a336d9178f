"""The routes by topic. They know HTTP; what they do is done elsewhere."""

from service.routes import embed, entries, galleries, model, operations, search

ROUTERS = (embed.router, search.router, entries.router, galleries.router, model.router, operations.router)
