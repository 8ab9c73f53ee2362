# Railway reads railway.json only of a service that it builds from a repository; what is built here is a released image.
# IMAGE is a variable of the Railway service: a name with its registry and tag.
ARG IMAGE
# hadolint ignore=DL3006
FROM ${IMAGE}
