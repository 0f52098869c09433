/* Shows the OpenAPI document; calls made from the page carry the browser's session. */
"use strict";

const page = document.getElementById("docs");

SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (!["GET", "HEAD", undefined].includes(request.method)) request.headers["X-CSRFToken"] = page.dataset.csrf;
    return request;
  },
});
