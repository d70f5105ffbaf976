. var/dev-tokens.env   # left by `make run`: $BASE, a token a role, ids of the invented centre
post() {  # ROLE PATH BODY: one act; says what happened, prints the id of what it made. In BODY ' stands for "
  local token=TOKEN_${1^^}
  curl -sS "$BASE/v1/$2" -d "${3//\'/\"}" -H "Authorization: Bearer ${!token}" -H 'Content-Type: application/json' \
    -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" -H 'Accept-Language: en' | python3 -c '
import json, sys; answer = json.load(sys.stdin)
"events" in answer or sys.exit(json.dumps(answer, indent=1))
print("recorded", *(event["tag"] for event in answer["events"]), file=sys.stderr)
print(*(made for made in answer["ids"].values() if made not in sys.argv[1]), end="")' "$2"
}
TODAY=$(date +%F) MONDAY=$(date -d "-$(($(date +%u) - 1)) days" +%F) SEASON=$(date -d '-8 months' +%Y)
L=$(post caseworker learners "{'province':'CAS', 'source':'family', 'sex':'f', 'birth_date':'2009-04-12',
  'names':[{'given':'أمل', 'family':'بناني'}, {'given':'Amal', 'family':'Bennani'}]}")
post caseworker learners/$L/identity-verifications "{'document_type':'birth_certificate'}"
post caseworker learners/$L/eligibility-assessments "{'convention':'$CONVENTION', 'school_status':'dropped_out'}"
post caseworker learners/$L/orientations "{'level':'vocational', 'trades':['CUI']}"
E=$(post caseworker learners/$L/enrolments "{'centre':'$CENTRE', 'convention':'$CONVENTION', 'level':'vocational',
  'trade':'CUI', 'residence':'urban', 'last_level':'1AC', 'school_status':'dropped_out'}")
G=$(post coordinator groups "{'centre':'$CENTRE', 'season':$SEASON, 'group_kind':'workshop', 'trade':'CUI', 'capacity':12}")
post coordinator learners/$L/group-memberships "{'enrolment':'$E', 'group':'$G'}"
post educator groups/$G/held-sessions "{'week':'$MONDAY', 'sessions':[{'date':'$TODAY', 'component':'workshop', 'minutes':180}]}"
post educator groups/$G/attendance "{'week':'$MONDAY', 'component':'workshop',
  'rows':[{'learner':'$L', 'days':[{'date':'$TODAY', 'status':'present'}]}]}"
S=$(post en_agent diploma-sessions "{'authority':'$DELEGATION', 'centres':['$CENTRE'], 'trades':['CUI'],
  'held_from':'$TODAY', 'held_to':'$TODAY', 'year':${TODAY%%-*}}")
post en_agent learners/$L/candidatures "{'enrolment':'$E', 'session':'$S'}"
post en_agent diploma-sessions/$S/closures "{}"
post en_agent diploma-sessions/$S/marks "{'marks':[{'candidate_number':'0001', 'sitting':1, 'presence':'present',
  'written':1250, 'practical':1500, 'decision':'admitted'}]}"
post en_agent diploma-sessions/$S/minutes "{'members':['$JURY']}"
post en_agent diploma-sessions/$S/awards "{'awarded_on':'$TODAY', 'awards':[{'candidate_number':'0001', 'number':'$RANDOM$RANDOM'}]}"
post coordinator learners/$L/enrolment-ends "{'enrolment':'$E', 'exit':'completed'}"
O=$(post caseworker learners/$L/outcomes "{'enrolment':'$E', 'kind':'employment', 'organisation':'Café Atlas',
  'province':'CAS', 'starts_on':'$TODAY'}")
post en_agent learners/$L/outcome-verifications "{'outcome':'$O', 'method':'site_visit', 'authority':'$DELEGATION'}"
P=$(curl -sS "$BASE/status" | python3 -c 'import json, sys; print(json.load(sys.stdin)["position"])')
curl -sS "$BASE/v1/learners/$L/timeline?at_least=$P" -H "Authorization: Bearer $TOKEN_CASEWORKER" \
  -H 'Accept-Language: en' | python3 -c '
import json, sys; [print(line["occurred_on"], line["sentence"]) for line in json.load(sys.stdin)["items"]]'
