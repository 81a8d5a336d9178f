"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  syntaxHighlight: { activated: false }, // answers can be megabytes of numbers
  validatorUrl: null, // asks nobody else
});
