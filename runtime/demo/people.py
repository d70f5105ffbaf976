"""Invented people and places. Any likeness to a person is chance."""

from __future__ import annotations

from typing import Final, NamedTuple


class Person(NamedTuple):
    """An invented learner: both spellings of the name, sex, age at the end of the season's first year."""

    given_ar: str
    family_ar: str
    given: str
    family: str
    sex: str
    age: int


class Colleague(NamedTuple):
    """An invented worker: the role that names the login, the organisation, the function, where the grant reaches."""

    role: str
    name: str
    organisation: str
    function: str
    scope: str


LEARNERS: Final = tuple(
    Person(*line)
    for line in (
        ("أمينة", "البقالي", "Amina", "El Bakkali", "f", 17),
        ("ياسين", "الإدريسي", "Yassine", "El Idrissi", "m", 16),
        ("سلمى", "بنعلي", "Salma", "Benali", "f", 18),
        ("يوسف", "التازي", "Youssef", "Tazi", "m", 19),
        ("خديجة", "الوزاني", "Khadija", "Ouazzani", "f", 15),
        ("حمزة", "أمزيان", "Hamza", "Amziane", "m", 17),
        ("فاطمة الزهراء", "العلمي", "Fatima Zahra", "El Alami", "f", 16),
        ("أيوب", "السباعي", "Ayoub", "Sebai", "m", 18),
        ("هاجر", "الناصري", "Hajar", "Naciri", "f", 14),
        ("مهدي", "بوزيد", "Mehdi", "Bouzid", "m", 17),
        ("زينب", "المرابط", "Zineb", "Mrabet", "f", 19),
        ("عثمان", "الكتاني", "Othmane", "Kettani", "m", 15),
        ("مريم", "حجي", "Meryem", "Hajji", "f", 18),
        ("أنس", "برادة", "Anas", "Berrada", "m", 16),
        ("إيمان", "الفاسي", "Imane", "El Fassi", "f", 17),
        ("زكرياء", "لحلو", "Zakaria", "Lahlou", "m", 20),
        ("نور الهدى", "السقاط", "Nour El Houda", "Sekkat", "f", 15),
        ("بلال", "والي", "Bilal", "Ouali", "m", 18),
        ("سارة", "شرايبي", "Sara", "Chraibi", "f", 16),
        ("عبد الرحيم", "بنموسى", "Abderrahim", "Benmoussa", "m", 19),
        ("حنان", "الزروالي", "Hanane", "Zerouali", "f", 17),
        ("إلياس", "الصقلي", "Ilyas", "Skalli", "m", 14),
        ("وئام", "القادري", "Wiam", "Kadiri", "f", 18),
        ("مروان", "بناني", "Marouane", "Bennani", "m", 17),
        ("أسماء", "الحمداوي", "Asmae", "Hamdaoui", "f", 16),
        ("رضى", "الغزواني", "Reda", "Ghazouani", "m", 15),
        ("شيماء", "بنجلون", "Chaimae", "Benjelloun", "f", 19),
        ("نبيل", "الراشدي", "Nabil", "Rachidi", "m", 18),
        ("لبنى", "اليعقوبي", "Loubna", "Yaacoubi", "f", 17),
        ("سفيان", "المنصوري", "Soufiane", "Mansouri", "m", 16),
        ("دنيا", "العسري", "Dounia", "Asri", "f", 15),
        ("طارق", "بوعزة", "Tarik", "Bouazza", "m", 18),
        ("كوثر", "الهاشمي", "Kaoutar", "Hachimi", "f", 17),
        ("عماد", "أيت لحسن", "Imad", "Ait Lahcen", "m", 16),
        ("رجاء", "الخطابي", "Rajae", "Khattabi", "f", 14),
        ("وليد", "السملالي", "Walid", "Semlali", "m", 21),
        ("غزلان", "الدكالي", "Ghizlane", "Doukkali", "f", 23),
        ("أمين", "مزوار", "Amine", "Mezouar", "m", 15),
        ("سكينة", "الريفي", "Soukaina", "Rifi", "f", 18),
        ("عمر", "الجزولي", "Omar", "Jazouli", "m", 17),
    )
)

COLLEAGUES: Final = tuple(
    Colleague(*line)
    for line in (
        ("ministry", "Nadia Alaoui", "ministry", "official", "national"),
        ("auditor", "Rachid Belkadi", "ministry", "inspector", "convention"),
        ("data_protection_officer", "Laila Cherkaoui", "ministry", "data_protection_officer", "national"),
        ("aref", "Hassan Idrissi", "aref", "official", "region"),
        ("provincial_directorate", "Samira Tahiri", "directorate", "official", "province"),
        ("en_agent", "Mustapha Lamrani", "delegation", "jury_member", "province"),
        ("partner", "Registre national des diplômes", "entraide", "system", "national"),
        ("coordinator", "Karim Bensaid", "association", "coordinator", "centre"),
        ("caseworker", "Hind Amrani", "association", "caseworker", "centre"),
        ("educator", "Said Ouhaddou", "association", "educator", "centre"),
        ("counsellor", "Najat Filali", "association", "counsellor", "centre"),
        ("accountant", "Driss Benkirane", "association", "accountant", "organisation"),
        ("referrer", "Malika Ziani", "association", "other", "province"),
    )
)

ORGANISATIONS: Final = {
    "ministry": ("ministry", "وزارة التربية الوطنية (مثال)", "Ministère de l'Éducation nationale (exemple)"),
    "aref": ("aref", "الأكاديمية الجهوية للتربية والتكوين (مثال)", "Académie régionale (exemple)"),
    "directorate": ("provincial_directorate", "المديرية الإقليمية (مثال)", "Direction provinciale (exemple)"),
    "delegation": ("en_delegation", "مندوبية التعاون الوطني (مثال)", "Délégation de l'Entraide Nationale (exemple)"),
    "entraide": ("partner", "التعاون الوطني (مثال)", "Entraide Nationale (exemple)"),
    "association": ("association", "جمعية أمل الغد (مثال)", "Association Espoir de demain (exemple)"),
}

CENTRE_NAME: Final = ("مدرسة الفرصة الثانية النخيل (مثال)", "École de la deuxième chance Annakhil (exemple)")
OTHER_CENTRE_NAME: Final = ("مدرسة الفرصة الثانية الوفاق (مثال)", "École de la deuxième chance Al Wifaq (exemple)")
