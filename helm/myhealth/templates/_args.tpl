{{/* Flags of the process itself. */}}
{{- define "myhealth.logArgs" -}}
- --log.level={{ .Values.log.level }}
- --log.format={{ .Values.log.format }}
{{- with .Values.otlp.endpoint }}
- --otlp.endpoint={{ . }}
{{- end }}
{{- end -}}

{{/* Where the database is: root, role. */}}
{{- define "myhealth.storeArgs" -}}
{{- if eq .root.Values.mode "embedded" -}}
- --data-dir=/data
{{- else -}}
- --database-url-file=/etc/myhealth/database/url
{{- end }}
{{- end -}}

{{- define "myhealth.personArgs" -}}
{{- with .Values.person.timeZone }}
- --time-zone={{ . }}
{{- end }}
{{- end -}}

{{- define "myhealth.ouraArgs" -}}
{{- with .Values.oura -}}
{{- if .clientId }}
- --oura-client-id={{ .clientId }}
{{- end }}
{{- if and .existingSecret .clientSecretKey }}
- --oura-client-secret-file=/etc/myhealth/oura/client-secret
{{- end }}
{{- if and .existingSecret .encryptionKeyKey }}
- --encryption-key-file=/etc/myhealth/oura/encryption-key
{{- end }}
{{- if and .existingSecret .previousEncryptionKeyKey }}
- --previous-encryption-key-file=/etc/myhealth/oura/previous-encryption-key
{{- end }}
{{- if and .existingSecret .tokenKey }}
- --oura-token-file=/etc/myhealth/oura/token
{{- end }}
{{- with .url }}
- --oura-url={{ . }}
{{- end }}
- --oura-requests-per-minute={{ int .requestsPerMinute }}
{{- with .historyFrom }}
- --history-from={{ . }}
{{- end }}
- --resync-days={{ int .resyncDays }}
{{- end }}
{{- end -}}

{{- define "myhealth.apiArgs" -}}
{{- with .Values.api -}}
- --api.listen-address=:8872
{{- if .config.existingSecret }}
- --api.config.file=/etc/myhealth/api/{{ .config.key }}
{{- end }}
{{- if .allowAnonymous }}
- --api.allow-anonymous
{{- end }}
{{- if .signingKey.existingSecret }}
- --api.signing-key-file=/etc/myhealth/signing/signing-key
{{- if .signingKey.previousKey }}
- --api.previous-signing-key-file=/etc/myhealth/signing/previous-signing-key
{{- end }}
{{- end }}
{{- with .issuer }}
- --api.issuer={{ . }}
{{- end }}
{{- with .trustedProxies }}
- --api.trusted-proxies={{ join "," . }}
{{- end }}
{{- with .corsOrigins }}
- --api.cors-origins={{ join "," . }}
{{- end }}
- --api.requests-per-second={{ int .requestsPerSecond }}
- --api.cache-mebibytes={{ int .cacheMebibytes }}
{{- with .jobResults }}
- --jobs.results={{ . }}
{{- end }}
{{- end }}
{{- if and (ne .Values.mode "embedded") .Values.database.replica.existingSecret }}
- --database-replica-url-file=/etc/myhealth/database-replica/url
{{- end }}
{{- end -}}

{{- define "myhealth.webhookArgs" -}}
- --webhook.listen-address=:9874
- --webhook.callback-url={{ include "myhealth.callbackUrl" . }}
{{- with .Values.webhook.pollInterval }}
- --webhook.poll-interval={{ . }}
{{- end }}
{{- end -}}

{{/* The command line of a role that stays: root, role. */}}
{{- define "myhealth.serveArgs" -}}
{{- $values := .root.Values -}}
- serve
{{- if ne .role "embedded" }}
- --roles={{ ternary "ingest" .role (eq .role "webhook") }}
{{- else if not $values.api.enabled }}
- --roles=ingest,exporter
{{- end }}
- --web.listen-address=:9872
{{- if $values.web.config.existingSecret }}
- --web.config.file=/etc/myhealth/web/{{ $values.web.config.key }}
{{- end }}
{{- with $values.exposure.hosts }}
- --web.allowed-hosts={{ join "," . }}
{{- end }}
{{- if eq $values.shutdown.by "program" }}
- --shutdown.delay={{ int $values.shutdown.delaySeconds }}s
{{- end }}
{{ include "myhealth.storeArgs" . }}
{{ include "myhealth.logArgs" .root }}
{{- if and (eq .role "exporter") (gt (int $values.exporter.shards) 1) }}
- --shard=$(POD_INDEX)/{{ int $values.exporter.shards }}
{{- end }}
{{- if include "myhealth.serves" . }}
{{ include "myhealth.apiArgs" .root }}
{{- end }}
{{- if include "myhealth.reads" . }}
- --interval={{ $values.ingest.interval }}
- --workers={{ int $values.ingest.workers }}
{{- with $values.person.name }}
- --person={{ . }}
{{- end }}
{{- include "myhealth.personArgs" .root }}
{{- include "myhealth.ouraArgs" .root }}
{{- end }}
{{- if include "myhealth.receives" . }}
{{ include "myhealth.webhookArgs" .root }}
{{- end }}
{{- with (get $values .role).extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* One run of the CronJob: root, role. */}}
{{- define "myhealth.syncArgs" -}}
- sync
- --everyone
{{ include "myhealth.storeArgs" . }}
{{ include "myhealth.logArgs" .root }}
{{- include "myhealth.personArgs" .root }}
{{- include "myhealth.ouraArgs" .root }}
{{- with .root.Values.ingest.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "myhealth.migrateArgs" -}}
- migrate
- --database-url-file=/etc/myhealth/migrations/url
{{ include "myhealth.logArgs" . }}
{{- end -}}
