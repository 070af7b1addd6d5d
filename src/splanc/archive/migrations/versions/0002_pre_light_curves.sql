-- What light curves say: features of objects, spelt as Lasair's users know them.

ALTER TABLE objects
    ADD COLUMN latest_psfflux REAL,
    ADD COLUMN u_psfflux REAL,
    ADD COLUMN g_psfflux REAL,
    ADD COLUMN r_psfflux REAL,
    ADD COLUMN i_psfflux REAL,
    ADD COLUMN z_psfflux REAL,
    ADD COLUMN y_psfflux REAL,
    ADD COLUMN u_latestmjd DOUBLE PRECISION,
    ADD COLUMN g_latestmjd DOUBLE PRECISION,
    ADD COLUMN r_latestmjd DOUBLE PRECISION,
    ADD COLUMN i_latestmjd DOUBLE PRECISION,
    ADD COLUMN z_latestmjd DOUBLE PRECISION,
    ADD COLUMN y_latestmjd DOUBLE PRECISION,
    ADD COLUMN medianr REAL,
    ADD COLUMN latestr REAL,
    ADD COLUMN nposdiasources INTEGER,
    ADD COLUMN nposdiasourcesnights INTEGER,
    ADD COLUMN nsourcesgood INTEGER,
    ADD COLUMN nusources INTEGER,
    ADD COLUMN ngsources INTEGER,
    ADD COLUMN nrsources INTEGER,
    ADD COLUMN nisources INTEGER,
    ADD COLUMN nzsources INTEGER,
    ADD COLUMN nysources INTEGER,
    ADD COLUMN jump1 REAL,
    ADD COLUMN jump2 REAL,
    ADD COLUMN latestpairmjd DOUBLE PRECISION,
    ADD COLUMN latestpaircolourmag REAL,
    ADD COLUMN latestpaircolourbands TEXT,
    ADD COLUMN latestpaircolourtemp REAL,
    ADD COLUMN penultimatepairmjd DOUBLE PRECISION,
    ADD COLUMN penultimatepaircolourmag REAL,
    ADD COLUMN penultimatepaircolourbands TEXT,
    ADD COLUMN penultimatepaircolourtemp REAL,
    ADD COLUMN absmag REAL,
    ADD COLUMN absmagmjd DOUBLE PRECISION,
    ADD COLUMN bbbriserate REAL,
    ADD COLUMN bbbfallrate REAL,
    ADD COLUMN bbbtemp REAL,
    ADD COLUMN bbbpeakflux REAL,
    ADD COLUMN bbbpeakmjd DOUBLE PRECISION,
    ADD COLUMN bbbpeakabsmag REAL,
    ADD COLUMN glat REAL,
    ADD COLUMN ebv REAL,
    ADD COLUMN htm16 BIGINT,
    ADD COLUMN tns_name TEXT,
    ADD COLUMN timestamp TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now();

-- Whose an alert and an object is: all that the archive has so far is LSST's.

ALTER TABLE alerts ADD COLUMN survey TEXT DEFAULT 'lsst';
ALTER TABLE alerts ALTER COLUMN survey DROP DEFAULT;

ALTER TABLE objects ADD COLUMN survey TEXT DEFAULT 'lsst', ADD COLUMN objectid TEXT;
ALTER TABLE objects ALTER COLUMN survey DROP DEFAULT;
CREATE INDEX objects_objectid ON objects (objectid) WHERE objectid IS NOT NULL;
