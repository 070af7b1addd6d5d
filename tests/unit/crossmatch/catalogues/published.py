"""Rows of catalogues as they are published: the files' forms and column names, and for well-known objects their published values."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A file: the profile that reads it, its name, its text, what its first row becomes (others are not looked at), and files beside it."""

    profile: str
    file: str
    text: str
    first: dict[str, object]
    beside: dict[str, str] | None = None


def fixed(*fields: tuple[int, str]) -> str:
    """A line with texts at bytes counted from 1, as ReadMe files count them."""
    line = ""
    for begin, text in fields:
        line = line.ljust(begin - 1) + text
    return line + "\n"


GAIA_ARCHIVE = """# %ECSV 1.0
# ---
# delimiter: ','
solution_id,source_id,ref_epoch,ra,dec,parallax,parallax_error,pmra,pmdec,phot_g_mean_flux_over_error,phot_g_mean_mag,phot_variable_flag
1636148068921376768,5853498713190525696,2016.0,217.39232147200883,-62.67607511676666,768.0665391873573,0.049872905,-3781.741008265163,769.4650146478623,null,8.984749,"NOT_AVAILABLE"
"""

GAIA_VIZIER = """#
#   VizieR Astronomical Server
#Title: Gaia DR3 Part 1. Main source
RA_ICRS;DE_ICRS;Source;Plx;e_Plx;pmRA;pmDE;Gmag;e_Gmag
deg;deg; ;mas;mas;mas/yr;mas/yr;mag;mag
---------------;---------------;-------------------;--------;-------;----------;---------;---------;--------
269.44850252544;+04.73942005111;4472832130942575872;546.9759; 0.0401;  -801.551;10362.394; 8.193974;0.002759
"""

# Rows of the All-Sky release: those that the documentation of Fritz shows (Kowalski collection schemas), put back into the published order.
PSC = (
    r"220.759452|62.738686|0.29|0.23|173|14430226+6244192|16.794|0.158|0.159|7.7|16.066|0.171|0.171|6|15.646|0.177|0.177|5.7|CCC|222|111|000|060606|42.3|194|"
    r"615703057|0|0|615703070|n|1999-04-10|76|103.47|49.962|118.6|2451278.8326|0.97|1.14|0.85|16.641|0.229|16.771|0.349|15.67|0.286|10378|134|sw|0|1|0|"
    r"\N|\N|\N|\N|0|\N|33812|777664|126"
    "\n"
)

# Likewise; of its 389 columns those from j_flg_k20fe on that are not read are left out.
XSC_ROW = [
    *("2451828.7145", "23204638-8956429 ", "350.193268", "-89.945274", "350.207764", "-89.945168", "302.956", "-27.179", "3.05", "5"),
    *("15.29", "0.089", "0", "14.554", "0.103", "0", "14.282", "0.144", "0", "3.3", "0.64", "15", "1", "90", "0.64", "15", "4.7", "1", "90"),
    *["\\N"] * 37,
    "-1",
    *["\\N"] * 321,
    "2311351",
]

# The names that VizieR gives the columns: those that the archive of HELP took over (H-E-L-P/gavo_inputs, twomass_xsc/q.rd).
XSC_VIZIER = """2MASX;RAJ2000;DEJ2000;supRAdeg;supDEdeg;r.K20e;J.K20e;e_J.K20e;K.K20e;e_K.K20e;Sb/a;Spa
23204638-8956429;350.193268;-89.945274;350.207764;-89.945168;5.0;15.290;0.089;14.282;0.144;1.000;90
"""

# Columns of ned_lvs.fits by the names that the broker BOOM reads (boom-astro/boom); values of a well-known galaxy, rounded, not copied from a row.
NED_LVS = """objname,ra,dec,objtype,z,z_unc,z_tech,z_qual,DistMpc,DistMpc_unc,DistMpc_method,Diam,Diam_ba,Diam_pa,Diam_qual,m_Ks,m_Ks_unc
MESSIER 051a,202.46957,47.19526,G,0.001534,0.000003,SPEC,False,8.58,0.1,zIndependent,673.2,0.617,163.0,False,5.496,0.015
"""

PS1 = """objName,objID,raMean,decMean,rMeanPSFMag,rMeanPSFMagErr,iMeanPSFMag,iMeanKronMag,ps_score
PSO J187.2779+02.0524,110461872779150461,187.277915,2.052388,-999,-999,12.9,12.95,0.97
"""

SDSS_PHOT = """objID,ra,dec,type,modelMag_r,modelMagErr_r,photoz,zErr,petroRad_r,expAB_r,expPhi_r
1237648720693755918,180.5,-0.25,3,16.81,0.004,0.084,0.011,9.6,0.62,151.0
"""

SDSS_SPEC = """specObjID,ra,dec,class,subClass,z,zWarning
299489676975171584,146.71421,-1.0413043,GALAXY,AGN,0.02122545,0
"""

NED = """No.|Object Name|RA|DEC|Type|Velocity|Redshift|Redshift Flag|Magnitude and Filter|Separation|References
1|3C 273|187.27792|2.05239|QSO|47469.0|0.158339||12.9V||1000
2|WISEA J122900.00+020000.0|187.25|2.0|G|||PHOT|17.2g||3
"""

# As NED's batch jobs write it; the row is one that a program shows that reads such files.
NED_BATCH = (
    "No.|Object Name|RA(deg)|DEC(deg)|Type|Velocity|Redshift|Redshift Flag|Magnitude and Filter|Distance (arcmin)|"
    "References|Notes|Photometry Points|Positions|Redshift Points|Diameter Points|Associations\n"
    "1|NSCS J000001+051909|  0.00417 |   5.31917 |GClstr| 56961| 0.190000 |EST |     |  0.000|1|0|0|0|0|0|0\n"
)

NED_D = """"Header Lines",13
"Name","NED-D"
"Exclusion Code","D","G","Galaxy ID","m-M","err","D (Mpc)","Method","REFCODE","RA","DEC"
"","1","1","MESSIER 031","24.46","0.10","0.78","Cepheids","2001ApJ...553...47F","10.68479","41.26906"
"""

GLADE = (
    "1 2789 NGC0253 NGC0253 00473313-2517196 null null G 11.888060 -25.288440 8.00 0.05 0 -19.7 4.815 0.016 4.1 0.02 3.772 0.016 "
    "null null null null 0 null null 0.0008 0.0004 0 null 1.1e-05 3.56 0.2 2 4.3 0.9 0 -5.5 0.2\n"
)

LASR = """NEDname,RAJ2000,DEJ2000,z,OptClass
NGC 1068,40.66963,-0.01329,0.00379,Sy 2
"""

VSX_README = """B/vsx   AAVSO International Variable Star Index VSX
Byte-by-byte Description of file: vsx.dat
--------------------------------------------------------------------------------
   Bytes Format Units   Label     Explanations
--------------------------------------------------------------------------------
   1-  7  I7    ---     OID       [1/305958] Internal identifier (1)
   9- 38  A30   ---     Name      Variable star identifier
      40  I1    ---     V         [0,2] Variability flag (2)
  42- 50  F9.5  deg     RAdeg     Right ascension (J2000)
  52- 60  F9.5  deg     DEdeg     Declination (J2000)
  62- 91  A30   ---     Type      Variability type, as in GCVS catalog
      94  A1    ---   l_max       Limit flag on max
  95-100  F6.3  mag     max       ? Magnitude at maximum, or amplitude
     101  A1    ---   u_max       Uncertainty flag on max
 102-104  A3    ---   n_max       Passband on max magnitude
--------------------------------------------------------------------------------
Byte-by-byte Description of file: refs.dat
--------------------------------------------------------------------------------
   Bytes Format Units   Label     Explanations
--------------------------------------------------------------------------------
   1-  7  I7    ---     Name      Another name
--------------------------------------------------------------------------------
"""

DOWNES_README = """V/123A  Catalog of Cataclysmic Variables (Downes+ 2001-2006)
Byte-by-byte Description of file: cv.dat
--------------------------------------------------------------------------------
   Bytes Format Units   Label     Explanations
--------------------------------------------------------------------------------
   2-  5  I4    ---     uid       Internal identification number
   7- 15  A9    ---     GCVS      GCVS-Name, or constellation name
  17- 18  I2    h       RAh       Right Ascension J2000 (hours) at Epoch
      19  A1    ---     ---       [:]
  20- 21  I2    min     RAm       Right Ascension J2000 (minutes) at Epoch
      22  A1    ---     ---       [:]
  23- 27  F5.2  s       RAs       ? Right Ascension J2000 at Epoch (seconds)
      29  A1    ---     DE-       Declination J2000, at Epoch (sign)
  30- 31  I2    deg     DEd       Declination J2000, at Epoch (degrees)
  33- 34  I2    arcmin  DEm       Declination J2000, at Epoch (minutes)
  36- 39  F4.1  arcsec  DEs       ? Declination J2000, at Epoch (seconds)
--------------------------------------------------------------------------------
"""

# The names that VizieR gives the columns of V/123A/cv, as programs that ask VizieR for them have them.
DOWNES_VIZIER = """GCVS;RAJ2000;DEJ2000;VarType;Maxmag;Minmag;Names
SS Cyg;21 42 42.8;+43 35 10;UGSS;7.7;12.4;BD+42 4189
"""

OPENNGC = """Name;Type;RA;Dec;Const;MajAx;MinAx;PosAng;B-Mag;V-Mag;J-Mag;H-Mag;K-Mag;SurfBr;Hubble;Pax;Pm-RA;Pm-Dec;RadVel;Redshift
NGC0224;G;00:42:44.35;+41:16:08.6;And;177.83;69.66;35;4.29;3.44;2.09;1.28;0.98;23.63;Sb;;;;-300;-0.001000
NGC0281;Dup;00:52:59.35;+56:37:18.8;Cas;;;;;;;;;;;;;;;
"""

HIP1 = fixed((1, "     1"), (16, " 0.0000159148"), (30, " 0.0190068680"), (44, "   4.55"), (52, "   -4.55"), (61, "   -1.19"), (84, "  1.25"), (130, " 9.2043"))

PUBLISHED = [
    Published(
        "gaia_dr3",
        "GaiaSource_587183-590336.csv",
        GAIA_ARCHIVE,
        {
            "id": "5853498713190525696",
            "ra": 217.39232147200883,
            "dec": -62.67607511676666,
            "epoch": 2016.0,
            "pmra": -3781.741,
            "pmdec": 769.465,
            "kind": "star",
            "mag": 8.984749,
            "mag_err": None,
            "mag_filter": "G",
            "distance_mpc": 1.30197e-6,
        },
    ),
    Published(
        "gaia_dr3",
        "asu.tsv",
        GAIA_VIZIER,
        {"id": "4472832130942575872", "ra": 269.44850252544, "dec": 4.73942005111, "pmra": -801.551, "pmdec": 10362.394, "mag": 8.193974, "mag_err": 0.002759},
    ),
    Published(
        "gaia_dr3_qso",
        "qsocand.csv",
        "RA_ICRS,DE_ICRS,Source,PQSO,z,zlow,zupp,flagsQSOC,Gmag\n187.277915,2.052388,3700386905605055360,1.0,0.158,0.150,0.170,0,12.84\n",
        {"kind": "agn", "type": "QSO candidate", "z": None, "photo_z": 0.158, "photo_z_err": 0.01, "mag": 12.84, "mag_filter": "G"},
    ),
    Published(
        "2mass_psc",
        "psc_aaa",
        PSC,
        {"id": "14430226+6244192", "ra": 220.759452, "dec": 62.738686, "kind": "star", "mag": 16.794, "mag_err": 0.159, "mag_filter": "J", "pmra": None},
    ),
    Published(
        "2mass_psc",
        "out.csv",
        "RAJ2000,DEJ2000,2MASS,Jmag,e_Jmag,Kmag,e_Kmag,Xflg\n220.759452,62.738686,14430226+6244192,,,15.5,0.1,2\n",
        {"kind": "unknown", "mag": 15.5, "mag_err": 0.1, "mag_filter": "Ks"},
    ),
    Published(
        "2mass_xsc",
        "xsc_aaa",
        "|".join(XSC_ROW) + "\n",
        {
            "id": "23204638-8956429",
            "ra": 350.207764,
            "dec": -89.945168,
            "kind": "galaxy",
            "semi_major_arcsec": 5.0,
            "axis_ratio": 1.0,
            "position_angle_deg": 90.0,
            "mag": 14.282,
            "mag_err": 0.144,
            "mag_filter": "Ks",
        },
    ),
    Published(
        "2mass_xsc",
        "xsc.tsv",
        XSC_VIZIER,
        {"id": "23204638-8956429", "ra": 350.207764, "kind": "galaxy", "semi_major_arcsec": 5.0, "axis_ratio": 1.0, "position_angle_deg": 90.0, "mag": 14.282},
    ),
    Published("ps1", "ps1.csv", PS1, {"id": "110461872779150461", "kind": "star", "mag": 12.9, "mag_filter": "i", "mag_err": None}),
    Published(
        "ps1",
        "ps1.tsv",
        "RAJ2000\tDEJ2000\tobjID\trmag\te_rmag\timag\tiKmag\n10.0\t5.0\t114000100000000000\t19.5\t0.02\t19.1\t18.7\n",
        {"kind": "galaxy", "mag": 19.5, "mag_err": 0.02, "mag_filter": "r"},
    ),
    Published(
        "desi_ls_dr10",
        "tractor.csv",
        "ls_id,ra,dec,type,flux_r,flux_ivar_r,shape_r,shape_e1,shape_e2,z_phot_median,z_phot_std,z_spec,pmra,pmdec,ref_cat\n"
        "10995,150.1,2.2,SER,100,0.25,3.5,0,-0.5,0.2,0.03,-99,0,0,\n",
        {
            "id": "10995",
            "kind": "galaxy",
            "mag": 17.5,
            "mag_err": 0.021714,
            "semi_major_arcsec": 3.5,
            "axis_ratio": 1 / 3,
            "position_angle_deg": 135.0,
            "photo_z": 0.2,
            "photo_z_err": 0.03,
            "z": None,
            "pmra": None,
        },
    ),
    Published(
        "sdss_phot",
        "photo.csv",
        SDSS_PHOT,
        {
            "id": "1237648720693755918",
            "kind": "galaxy",
            "mag": 16.81,
            "photo_z": 0.084,
            "photo_z_err": 0.011,
            "semi_major_arcsec": 9.6,
            "axis_ratio": 0.62,
            "position_angle_deg": 151.0,
        },
    ),
    Published("sdss_spec", "spec.csv", SDSS_SPEC, {"id": "299489676975171584", "kind": "agn", "type": "GALAXY AGN", "z": 0.02122545}),
    Published("ned", "ned.txt", NED, {"id": "3C 273", "kind": "agn", "type": "QSO", "z": 0.158339, "mag": 12.9, "mag_filter": "V", "photo_z": None}),
    Published(
        "ned",
        "ned-batch.txt",
        NED_BATCH,
        {"id": "NSCS J000001+051909", "ra": 0.00417, "dec": 5.31917, "kind": "unknown", "type": "GClstr", "z": None, "photo_z": None, "mag": None},
    ),
    Published(
        "ned_lvs",
        "ned_lvs.csv",
        NED_LVS,
        {
            "id": "MESSIER 051a",
            "kind": "galaxy",
            "type": "G",
            "z": 0.001534,
            "photo_z": None,
            "distance_mpc": 8.58,
            "semi_major_arcsec": 336.6,
            "axis_ratio": 0.617,
            "position_angle_deg": 163.0,
            "mag": 5.496,
            "mag_filter": "Ks",
        },
    ),
    Published("ned_d", "NED-D.csv", NED_D, {"id": "MESSIER 031", "ra": 10.68479, "kind": "galaxy", "distance_mpc": 0.78}),
    Published(
        "glade_plus",
        "GLADE+.txt",
        GLADE,
        {"id": "GLADE+ 1", "ra": 11.88806, "dec": -25.28844, "kind": "galaxy", "mag": 8.0, "mag_filter": "B", "z": None, "photo_z": None, "distance_mpc": 3.56},
    ),
    Published(
        "milliquas_v8",
        "milliquas.txt",
        fixed((1, "187.2779154"), (13, "  2.0523880"), (26, "3C 273"), (52, "QRX"), (57, "   0"), (62, "13.0"), (75, " 0.158")),
        {"id": "3C 273", "ra": 187.2779154, "dec": 2.052388, "kind": "agn", "type": "QRX", "z": 0.158, "photo_z": None, "mag": 13.0, "mag_filter": "B"},
    ),
    Published("lasr", "lasr.csv", LASR, {"id": "NGC 1068", "kind": "agn", "z": 0.00379}),
    Published(
        "vsx",
        "vsx.dat",
        fixed((1, "  31979"), (9, "SS Cyg"), (40, "0"), (42, "325.67833"), (52, " 43.58608"), (62, "UGSS"), (95, " 7.7"), (102, "V"))
        + fixed((1, "   2222"), (9, "omi Cet"), (40, "0"), (42, " 34.83664"), (52, " -2.97764"), (62, "M"), (95, " 2.0"), (102, "V")),
        {"id": "SS Cyg", "ra": 325.67833, "dec": 43.58608, "kind": "cv", "type": "UGSS", "mag": 7.7, "mag_filter": "V"},
        {"ReadMe": VSX_README},
    ),
    Published(
        "downes_cv",
        "cv.dat",
        fixed((2, "1234"), (7, "AE Aqr"), (17, "20:40:09.16 -00:52:15.1")),
        {"id": "AE Aqr", "ra": 310.0381667, "dec": -0.8708611, "kind": "cv"},
        {"ReadMe": DOWNES_README},
    ),
    Published(
        "downes_cv",
        "cv.tsv",
        DOWNES_VIZIER,
        {"id": "SS Cyg", "ra": 325.6783333, "dec": 43.5861111, "kind": "cv", "type": "UGSS", "mag": 7.7},
    ),
    Published(
        "ritter_cv",
        "cbdata.dat",
        fixed((1, "SS Cyg"), (30, "21 42 42.8 +43 35 10"), (53, "DN"), (70, "11.4"), (109, "0.275130")),
        {"id": "SS Cyg", "ra": 325.6783333, "dec": 43.5861111, "kind": "cv", "type": "DN", "mag": 11.4, "mag_filter": "V"},
    ),
    Published(
        "bright_stars",
        "hip2.dat",
        HIP1,
        {"id": "HIP 1", "ra": 0.00091185, "dec": 1.08901332, "epoch": 1991.25, "pmra": -4.55, "pmdec": -1.19, "mag": 9.2043, "mag_filter": "Hp"},
    ),
    Published(
        "openngc",
        "NGC.csv",
        OPENNGC,
        {
            "id": "NGC0224",
            "ra": 10.6847917,
            "dec": 41.2690556,
            "kind": "galaxy",
            "z": -0.001,
            "semi_major_arcsec": 5334.9,
            "axis_ratio": 69.66 / 177.83,
            "position_angle_deg": 35.0,
            "mag": 3.44,
            "mag_filter": "V",
        },
    ),
]
"""A published form of each catalogue; of some several."""
