"""Files: resumable uploads, the content-addressed store, and what is learnt from images."""
