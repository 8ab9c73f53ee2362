"""The documentation page: Swagger UI over BentoML's description of the routes, all of it from this server.

BentoML has such a page too, but that one loads a third party's tracking.
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>xtts-bento</title>
  <link rel="stylesheet" href="./static_content/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="./static_content/swagger-ui-bundle.js"></script>
  <script>SwaggerUIBundle({url: "./docs.json", dom_id: "#swagger-ui"})</script>
</body>
</html>
"""
