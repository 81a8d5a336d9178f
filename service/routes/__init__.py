"""The routes by topic. They know HTTP; what they do is done elsewhere."""

from service.routes import embed, entries, galleries, model, operations, search, v2

ROUTERS = (embed.router, search.router, entries.router, galleries.router, model.router, operations.router, v2.router)
