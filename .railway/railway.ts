// The server on Railway, for `railway config plan` and `apply`; deploy/railway.md says what each setting means. It is the
// whole project: what Railway has and this file has not, a variable too, is planned to be deleted.
import { defineRailway, image, preserve, project, service, volume } from "railway/iac";

const { IMAGE } = process.env;
if (!IMAGE) throw new Error("IMAGE is not set. Name an image with its registry and tag: IMAGE=REGISTRY/OWNER/xtts:TAG");

export default defineRailway(() => {
  const kept = volume("xtts-data", { sizeMB: 5000 });

  const server = service("xtts", {
    source: image(IMAGE),
    healthcheck: "/readyz",
    healthcheckTimeout: 1800, // the first start downloads the model before it listens
    replicas: 1, // a volume allows no more
    volumeMounts: { "/var/lib/xtts": kept }, // models, latents, uploaded voices and long jobs
    // Restarting on failure is Railway's default.
    env: {
      XTTS_MODEL: "hf://coqui/XTTS-v2", // the image holds no weights
      OMP_NUM_THREADS: "8", // as many as the vCPUs that you allow the service
      RAILWAY_RUN_UID: "0", // a volume belongs to root there
      RAILWAY_DEPLOYMENT_DRAINING_SECONDS: "310", // XTTS_TIMEOUT and a little; 0 without
      // Yours alone: set on the service, and kept as they are there.
      XTTS_API_KEYS: preserve(),
      COQUI_TOS_AGREED: preserve(),
    },
  });

  return project("xtts", { resources: [server, kept] });
});
