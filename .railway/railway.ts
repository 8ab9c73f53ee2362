// The server on Railway, for `railway config plan` and `apply`; deploy/railway.md says what each setting means. It is the
// whole project: what Railway has and this file has not, a variable too, is planned to be deleted.
import { bucket, defineRailway, image, postgres, preserve, project, ref, service, volume } from "railway/iac";

const { IMAGE, REPLICAS } = process.env;
if (!IMAGE) throw new Error("IMAGE is not set. Name an image with its registry and tag: IMAGE=REGISTRY/OWNER/xtts:TAG");
// No default: a forgotten one would plan to delete the bucket and the database that replicas share.
if (!REPLICAS || !/^[1-9]\d*$/.test(REPLICAS)) throw new Error("REPLICAS is not set to a number: REPLICAS=1 or more");
const replicas = Number(REPLICAS);
const alone = replicas === 1; // a volume allows no more

export default defineRailway(() => {
  const kept = volume("xtts-data", { sizeMB: 5000 }); // models, latents, uploaded voices and long jobs
  const files = bucket("xtts-files", { region: "sjc" }); // latents, uploaded voices and long jobs; its region is for good
  const database = postgres("Postgres"); // how far long jobs are

  const server = service("xtts", {
    source: image(IMAGE),
    healthcheck: "/readyz",
    healthcheckTimeout: 1800, // a start may download the model before it listens
    replicas,
    ...(alone && { volumeMounts: { "/var/lib/xtts": kept } }),
    // Restarting on failure is Railway's default.
    env: {
      XTTS_MODEL: "hf://coqui/XTTS-v2", // the image holds no weights
      OMP_NUM_THREADS: "8", // as many as the vCPUs that you allow the service
      RAILWAY_DEPLOYMENT_DRAINING_SECONDS: "310", // XTTS_TIMEOUT and a little; 0 without
      // Yours alone: set on the service, and kept as they are there.
      XTTS_API_KEYS: preserve(),
      COQUI_TOS_AGREED: preserve(),
      ...(alone
        ? { RAILWAY_RUN_UID: "0" } // a volume belongs to root there
        : {
            XTTS_DATA_DIR: "s3://${{xtts-files.BUCKET}}",
            XTTS_DATABASE: database.env.DATABASE_URL,
            AWS_ENDPOINT_URL: ref(files, "ENDPOINT"),
            AWS_DEFAULT_REGION: ref(files, "REGION"),
            AWS_ACCESS_KEY_ID: ref(files, "ACCESS_KEY_ID"),
            AWS_SECRET_ACCESS_KEY: ref(files, "SECRET_ACCESS_KEY"),
            AWS_S3_URL_STYLE: "virtual", // its buckets are hosts
          }),
    },
  });

  return project("xtts", { resources: [server, ...(alone ? [kept] : [files, database])] });
});
