"""Where a model comes from (a folder, a hub, a bucket, a store), and how it lands here whole."""
