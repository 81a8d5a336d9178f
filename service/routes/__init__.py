"""The routes by topic. They know HTTP; what they do is done elsewhere."""

from service.routes import embed, entries, examples, galleries, model, operations, search, v2

ROUTERS = (
    embed.router,
    search.router,
    entries.router,
    galleries.router,
    model.router,
    examples.router,
    operations.router,
    v2.router,
)
