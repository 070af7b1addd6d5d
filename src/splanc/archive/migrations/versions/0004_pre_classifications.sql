-- What a class follows from, and the alert that it was said of; and the objects that wait to be classified again.

ALTER TABLE sherlock_classifications
    ADD COLUMN alertmjdtai DOUBLE PRECISION,
    ADD COLUMN alertdiasourceid BIGINT,
    ADD COLUMN explanation TEXT,
    ADD COLUMN rules_version TEXT,
    ADD COLUMN catalogue_versions TEXT,
    ADD COLUMN software_version TEXT;

-- Half of each page stays free, so that a new version of a row finds room beside the old one.
ALTER TABLE sherlock_classifications SET (fillfactor = 50);

CREATE INDEX sherlock_classifications_unclassified ON sherlock_classifications (diaobjectid) WHERE classification = 'UNCLASSIFIED'::text;

CREATE TABLE classify_waiting (
    healpix29 BIGINT NOT NULL,
    diaobjectid BIGINT NOT NULL,
    PRIMARY KEY (healpix29, diaobjectid)
);
