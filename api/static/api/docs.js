"use strict";

// In a file of its own, because the Content-Security-Policy forbids inline scripts.
const page = document.getElementById("docs");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.schema,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  tryItOutEnabled: false,
});
