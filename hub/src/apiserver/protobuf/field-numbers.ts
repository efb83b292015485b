/**
 * The numbers of the fields in the Protocol Buffers form of the Kubernetes 1.34 API, one message a line:
 * `group.Message name=NUMBER TYPE …`, where
 * - `name` is the field's JSON name, `.` one whose fields stand in the message around it, `?` marks what tells "zero" from "not given";
 * - before the type, `*` is a list and `%` a map with text as keys;
 * - types: s text, i integer, b boolean, y bytes, d double, t time, u time with microseconds, q quantity, o integer or text,
 *   j JSON as it is (managed fields), r raw object, v list of text in a message of its own, `:Message` (of this group unless named).
 */
export const fieldNumbers = `
apps.ControllerRevision metadata=1:meta.ObjectMeta data=2r revision=3l
apps.DaemonSet metadata=1:meta.ObjectMeta spec=2:DaemonSetSpec status=3:DaemonSetStatus
apps.DaemonSetCondition type=1s status=2s lastTransitionTime=3t reason=4s message=5s
apps.DaemonSetSpec selector?=1:meta.LabelSelector template=2:core.PodTemplateSpec updateStrategy=3:DaemonSetUpdateStrategy minReadySeconds=4i revisionHistoryLimit?=6i
apps.DaemonSetStatus currentNumberScheduled=1i numberMisscheduled=2i desiredNumberScheduled=3i numberReady=4i observedGeneration=5l updatedNumberScheduled=6i numberAvailable=7i numberUnavailable=8i collisionCount?=9i conditions=10*:DaemonSetCondition
apps.DaemonSetUpdateStrategy type=1s rollingUpdate?=2:RollingUpdateDaemonSet
apps.Deployment metadata=1:meta.ObjectMeta spec=2:DeploymentSpec status=3:DeploymentStatus
apps.DeploymentCondition type=1s status=2s reason=4s message=5s lastUpdateTime=6t lastTransitionTime=7t
apps.DeploymentSpec replicas?=1i selector?=2:meta.LabelSelector template=3:core.PodTemplateSpec strategy=4:DeploymentStrategy minReadySeconds=5i revisionHistoryLimit?=6i paused=7b progressDeadlineSeconds?=9i
apps.DeploymentStatus observedGeneration=1l replicas=2i updatedReplicas=3i availableReplicas=4i unavailableReplicas=5i conditions=6*:DeploymentCondition readyReplicas=7i collisionCount?=8i terminatingReplicas?=9i
apps.DeploymentStrategy type=1s rollingUpdate?=2:RollingUpdateDeployment
apps.ReplicaSet metadata=1:meta.ObjectMeta spec=2:ReplicaSetSpec status=3:ReplicaSetStatus
apps.ReplicaSetCondition type=1s status=2s lastTransitionTime=3t reason=4s message=5s
apps.ReplicaSetSpec replicas?=1i selector?=2:meta.LabelSelector template=3:core.PodTemplateSpec minReadySeconds=4i
apps.ReplicaSetStatus replicas=1i fullyLabeledReplicas=2i observedGeneration=3l readyReplicas=4i availableReplicas=5i conditions=6*:ReplicaSetCondition terminatingReplicas?=7i
apps.RollingUpdateDaemonSet maxUnavailable?=1o maxSurge?=2o
apps.RollingUpdateDeployment maxUnavailable?=1o maxSurge?=2o
apps.RollingUpdateStatefulSetStrategy partition?=1i maxUnavailable?=2o
apps.StatefulSet metadata=1:meta.ObjectMeta spec=2:StatefulSetSpec status=3:StatefulSetStatus
apps.StatefulSetCondition type=1s status=2s lastTransitionTime=3t reason=4s message=5s
apps.StatefulSetOrdinals start=1i
apps.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted=1s whenScaled=2s
apps.StatefulSetSpec replicas?=1i selector?=2:meta.LabelSelector template=3:core.PodTemplateSpec volumeClaimTemplates=4*:core.PersistentVolumeClaim serviceName=5s podManagementPolicy=6s updateStrategy=7:StatefulSetUpdateStrategy revisionHistoryLimit?=8i minReadySeconds=9i persistentVolumeClaimRetentionPolicy?=10:StatefulSetPersistentVolumeClaimRetentionPolicy ordinals?=11:StatefulSetOrdinals
apps.StatefulSetStatus observedGeneration=1l replicas=2i readyReplicas=3i currentReplicas=4i updatedReplicas=5i currentRevision=6s updateRevision=7s collisionCount?=9i conditions=10*:StatefulSetCondition availableReplicas=11i
apps.StatefulSetUpdateStrategy type=1s rollingUpdate?=2:RollingUpdateStatefulSetStrategy
authentication.BoundObjectReference kind=1s apiVersion=2s name=3s uid=4s
authentication.SelfSubjectReview metadata=1:meta.ObjectMeta status=2:SelfSubjectReviewStatus
authentication.SelfSubjectReviewStatus userInfo=1:UserInfo
authentication.TokenRequest metadata=1:meta.ObjectMeta spec=2:TokenRequestSpec status=3:TokenRequestStatus
authentication.TokenRequestSpec audiences=1*s boundObjectRef?=3:BoundObjectReference expirationSeconds?=4l
authentication.TokenRequestStatus token=1s expirationTimestamp=2t
authentication.TokenReview metadata=1:meta.ObjectMeta spec=2:TokenReviewSpec status=3:TokenReviewStatus
authentication.TokenReviewSpec token=1s audiences=2*s
authentication.TokenReviewStatus authenticated=1b user=2:UserInfo error=3s audiences=4*s
authentication.UserInfo username=1s uid=2s groups=3*s extra=4%v
authorization.FieldSelectorAttributes rawSelector=1s requirements=2*:meta.FieldSelectorRequirement
authorization.LabelSelectorAttributes rawSelector=1s requirements=2*:meta.LabelSelectorRequirement
authorization.LocalSubjectAccessReview metadata=1:meta.ObjectMeta spec=2:SubjectAccessReviewSpec status=3:SubjectAccessReviewStatus
authorization.NonResourceAttributes path=1s verb=2s
authorization.NonResourceRule verbs=1*s nonResourceURLs=2*s
authorization.ResourceAttributes namespace=1s verb=2s group=3s version=4s resource=5s subresource=6s name=7s fieldSelector?=8:FieldSelectorAttributes labelSelector?=9:LabelSelectorAttributes
authorization.ResourceRule verbs=1*s apiGroups=2*s resources=3*s resourceNames=4*s
authorization.SelfSubjectAccessReview metadata=1:meta.ObjectMeta spec=2:SelfSubjectAccessReviewSpec status=3:SubjectAccessReviewStatus
authorization.SelfSubjectAccessReviewSpec resourceAttributes?=1:ResourceAttributes nonResourceAttributes?=2:NonResourceAttributes
authorization.SelfSubjectRulesReview metadata=1:meta.ObjectMeta spec=2:SelfSubjectRulesReviewSpec status=3:SubjectRulesReviewStatus
authorization.SelfSubjectRulesReviewSpec namespace=1s
authorization.SubjectAccessReview metadata=1:meta.ObjectMeta spec=2:SubjectAccessReviewSpec status=3:SubjectAccessReviewStatus
authorization.SubjectAccessReviewSpec resourceAttributes?=1:ResourceAttributes nonResourceAttributes?=2:NonResourceAttributes user=3s groups=4*s extra=5%v uid=6s
authorization.SubjectAccessReviewStatus allowed=1b reason=2s evaluationError=3s denied=4b
authorization.SubjectRulesReviewStatus resourceRules=1*:ResourceRule nonResourceRules=2*:NonResourceRule incomplete=3b evaluationError=4s
autoscaling.CrossVersionObjectReference kind=1s name=2s apiVersion=3s
autoscaling.HorizontalPodAutoscaler metadata=1:meta.ObjectMeta spec=2:HorizontalPodAutoscalerSpec status=3:HorizontalPodAutoscalerStatus
autoscaling.HorizontalPodAutoscalerSpec scaleTargetRef=1:CrossVersionObjectReference minReplicas?=2i maxReplicas=3i targetCPUUtilizationPercentage?=4i
autoscaling.HorizontalPodAutoscalerStatus observedGeneration?=1l lastScaleTime?=2t currentReplicas=3i desiredReplicas=4i currentCPUUtilizationPercentage?=5i
autoscaling.Scale metadata=1:meta.ObjectMeta spec=2:ScaleSpec status=3:ScaleStatus
autoscaling.ScaleSpec replicas=1i
autoscaling.ScaleStatus replicas=1i selector=2s
batch.CronJob metadata=1:meta.ObjectMeta spec=2:CronJobSpec status=3:CronJobStatus
batch.CronJobSpec schedule=1s startingDeadlineSeconds?=2l concurrencyPolicy=3s suspend?=4b jobTemplate=5:JobTemplateSpec successfulJobsHistoryLimit?=6i failedJobsHistoryLimit?=7i timeZone?=8s
batch.CronJobStatus active=1*:core.ObjectReference lastScheduleTime?=4t lastSuccessfulTime?=5t
batch.Job metadata=1:meta.ObjectMeta spec=2:JobSpec status=3:JobStatus
batch.JobCondition type=1s status=2s lastProbeTime=3t lastTransitionTime=4t reason=5s message=6s
batch.JobSpec parallelism?=1i completions?=2i activeDeadlineSeconds?=3l selector?=4:meta.LabelSelector manualSelector?=5b template=6:core.PodTemplateSpec backoffLimit?=7i ttlSecondsAfterFinished?=8i completionMode?=9s suspend?=10b podFailurePolicy?=11:PodFailurePolicy backoffLimitPerIndex?=12i maxFailedIndexes?=13i podReplacementPolicy?=14s managedBy?=15s successPolicy?=16:SuccessPolicy
batch.JobStatus conditions=1*:JobCondition startTime?=2t completionTime?=3t active=4i succeeded=5i failed=6i completedIndexes=7s uncountedTerminatedPods?=8:UncountedTerminatedPods ready?=9i failedIndexes?=10s terminating?=11i
batch.JobTemplateSpec metadata=1:meta.ObjectMeta spec=2:JobSpec
batch.PodFailurePolicy rules=1*:PodFailurePolicyRule
batch.PodFailurePolicyOnExitCodesRequirement containerName?=1s operator=2s values=3*i
batch.PodFailurePolicyOnPodConditionsPattern type=1s status=2s
batch.PodFailurePolicyRule action=1s onExitCodes?=2:PodFailurePolicyOnExitCodesRequirement onPodConditions=3*:PodFailurePolicyOnPodConditionsPattern
batch.SuccessPolicy rules=1*:SuccessPolicyRule
batch.SuccessPolicyRule succeededIndexes?=1s succeededCount?=2i
batch.UncountedTerminatedPods succeeded=1*s failed=2*s
coordination.Lease metadata=1:meta.ObjectMeta spec=2:LeaseSpec
coordination.LeaseSpec holderIdentity?=1s leaseDurationSeconds?=2i acquireTime?=3u renewTime?=4u leaseTransitions?=5i strategy?=6s preferredHolder?=7s
core.AWSElasticBlockStoreVolumeSource volumeID=1s fsType=2s partition=3i readOnly=4b
core.Affinity nodeAffinity?=1:NodeAffinity podAffinity?=2:PodAffinity podAntiAffinity?=3:PodAntiAffinity
core.AppArmorProfile type=1s localhostProfile?=2s
core.AttachedVolume name=1s devicePath=2s
core.AzureDiskVolumeSource diskName=1s diskURI=2s cachingMode?=3s fsType?=4s readOnly?=5b kind?=6s
core.AzureFilePersistentVolumeSource secretName=1s shareName=2s readOnly=3b secretNamespace?=4s
core.AzureFileVolumeSource secretName=1s shareName=2s readOnly=3b
core.Binding metadata=1:meta.ObjectMeta target=2:ObjectReference
core.CSIPersistentVolumeSource driver=1s volumeHandle=2s readOnly=3b fsType=4s volumeAttributes=5%s controllerPublishSecretRef?=6:SecretReference nodeStageSecretRef?=7:SecretReference nodePublishSecretRef?=8:SecretReference controllerExpandSecretRef?=9:SecretReference nodeExpandSecretRef?=10:SecretReference
core.CSIVolumeSource driver=1s readOnly?=2b fsType?=3s volumeAttributes=4%s nodePublishSecretRef?=5:LocalObjectReference
core.Capabilities add=1*s drop=2*s
core.CephFSPersistentVolumeSource monitors=1*s path=2s user=3s secretFile=4s secretRef?=5:SecretReference readOnly=6b
core.CephFSVolumeSource monitors=1*s path=2s user=3s secretFile=4s secretRef?=5:LocalObjectReference readOnly=6b
core.CinderPersistentVolumeSource volumeID=1s fsType=2s readOnly=3b secretRef?=4:SecretReference
core.CinderVolumeSource volumeID=1s fsType=2s readOnly=3b secretRef?=4:LocalObjectReference
core.ClientIPConfig timeoutSeconds?=1i
core.ClusterTrustBundleProjection name?=1s signerName?=2s labelSelector?=3:meta.LabelSelector path=4s optional?=5b
core.ComponentCondition type=1s status=2s message=3s error=4s
core.ComponentStatus metadata=1:meta.ObjectMeta conditions=2*:ComponentCondition
core.ConfigMap metadata=1:meta.ObjectMeta data=2%s binaryData=3%y immutable?=4b
core.ConfigMapEnvSource .=1:LocalObjectReference optional?=2b
core.ConfigMapKeySelector .=1:LocalObjectReference key=2s optional?=3b
core.ConfigMapNodeConfigSource namespace=1s name=2s uid=3s resourceVersion=4s kubeletConfigKey=5s
core.ConfigMapProjection .=1:LocalObjectReference items=2*:KeyToPath optional?=4b
core.ConfigMapVolumeSource .=1:LocalObjectReference items=2*:KeyToPath defaultMode?=3i optional?=4b
core.Container name=1s image=2s command=3*s args=4*s workingDir=5s ports=6*:ContainerPort env=7*:EnvVar resources=8:ResourceRequirements volumeMounts=9*:VolumeMount livenessProbe?=10:Probe readinessProbe?=11:Probe lifecycle?=12:Lifecycle terminationMessagePath=13s imagePullPolicy=14s securityContext?=15:SecurityContext stdin=16b stdinOnce=17b tty=18b envFrom=19*:EnvFromSource terminationMessagePolicy=20s volumeDevices=21*:VolumeDevice startupProbe?=22:Probe resizePolicy=23*:ContainerResizePolicy restartPolicy?=24s restartPolicyRules=25*:ContainerRestartRule
core.ContainerExtendedResourceRequest containerName=1s resourceName=2s requestName=3s
core.ContainerImage names=1*s sizeBytes=2l
core.ContainerPort name=1s hostPort=2i containerPort=3i protocol=4s hostIP=5s
core.ContainerResizePolicy resourceName=1s restartPolicy=2s
core.ContainerRestartRule action=1s exitCodes?=2:ContainerRestartRuleOnExitCodes
core.ContainerRestartRuleOnExitCodes operator=1s values=2*i
core.ContainerState waiting?=1:ContainerStateWaiting running?=2:ContainerStateRunning terminated?=3:ContainerStateTerminated
core.ContainerStateRunning startedAt=1t
core.ContainerStateTerminated exitCode=1i signal=2i reason=3s message=4s startedAt=5t finishedAt=6t containerID=7s
core.ContainerStateWaiting reason=1s message=2s
core.ContainerStatus name=1s state=2:ContainerState lastState=3:ContainerState ready=4b restartCount=5i image=6s imageID=7s containerID=8s started?=9b allocatedResources=10%q resources?=11:ResourceRequirements volumeMounts=12*:VolumeMountStatus user?=13:ContainerUser allocatedResourcesStatus=14*:ResourceStatus stopSignal?=15s
core.ContainerUser linux?=1:LinuxContainerUser
core.DaemonEndpoint Port=1i
core.DownwardAPIProjection items=1*:DownwardAPIVolumeFile
core.DownwardAPIVolumeFile path=1s fieldRef?=2:ObjectFieldSelector resourceFieldRef?=3:ResourceFieldSelector mode?=4i
core.DownwardAPIVolumeSource items=1*:DownwardAPIVolumeFile defaultMode?=2i
core.EmptyDirVolumeSource medium=1s sizeLimit?=2q
core.EndpointAddress ip=1s targetRef?=2:ObjectReference hostname=3s nodeName?=4s
core.EndpointPort name=1s port=2i protocol=3s appProtocol?=4s
core.EndpointSubset addresses=1*:EndpointAddress notReadyAddresses=2*:EndpointAddress ports=3*:EndpointPort
core.Endpoints metadata=1:meta.ObjectMeta subsets=2*:EndpointSubset
core.EnvFromSource prefix=1s configMapRef?=2:ConfigMapEnvSource secretRef?=3:SecretEnvSource
core.EnvVar name=1s value=2s valueFrom?=3:EnvVarSource
core.EnvVarSource fieldRef?=1:ObjectFieldSelector resourceFieldRef?=2:ResourceFieldSelector configMapKeyRef?=3:ConfigMapKeySelector secretKeyRef?=4:SecretKeySelector fileKeyRef?=5:FileKeySelector
core.EphemeralContainer .=1:EphemeralContainerCommon targetContainerName=2s
core.EphemeralContainerCommon name=1s image=2s command=3*s args=4*s workingDir=5s ports=6*:ContainerPort env=7*:EnvVar resources=8:ResourceRequirements volumeMounts=9*:VolumeMount livenessProbe?=10:Probe readinessProbe?=11:Probe lifecycle?=12:Lifecycle terminationMessagePath=13s imagePullPolicy=14s securityContext?=15:SecurityContext stdin=16b stdinOnce=17b tty=18b envFrom=19*:EnvFromSource terminationMessagePolicy=20s volumeDevices=21*:VolumeDevice startupProbe?=22:Probe resizePolicy=23*:ContainerResizePolicy restartPolicy?=24s restartPolicyRules=25*:ContainerRestartRule
core.EphemeralVolumeSource volumeClaimTemplate?=1:PersistentVolumeClaimTemplate
core.Event metadata=1:meta.ObjectMeta involvedObject=2:ObjectReference reason=3s message=4s source=5:EventSource firstTimestamp=6t lastTimestamp=7t count=8i type=9s eventTime=10u series?=11:EventSeries action=12s related?=13:ObjectReference reportingComponent=14s reportingInstance=15s
core.EventSeries count=1i lastObservedTime=2u
core.EventSource component=1s host=2s
core.ExecAction command=1*s
core.FCVolumeSource targetWWNs=1*s lun?=2i fsType=3s readOnly=4b wwids=5*s
core.FileKeySelector volumeName=1s path=2s key=3s optional?=4b
core.FlexPersistentVolumeSource driver=1s fsType=2s secretRef?=3:SecretReference readOnly=4b options=5%s
core.FlexVolumeSource driver=1s fsType=2s secretRef?=3:LocalObjectReference readOnly=4b options=5%s
core.FlockerVolumeSource datasetName=1s datasetUUID=2s
core.GCEPersistentDiskVolumeSource pdName=1s fsType=2s partition=3i readOnly=4b
core.GRPCAction port=1i service?=2s
core.GitRepoVolumeSource repository=1s revision=2s directory=3s
core.GlusterfsPersistentVolumeSource endpoints=1s path=2s readOnly=3b endpointsNamespace?=4s
core.GlusterfsVolumeSource endpoints=1s path=2s readOnly=3b
core.HTTPGetAction path=1s port=2o host=3s scheme=4s httpHeaders=5*:HTTPHeader
core.HTTPHeader name=1s value=2s
core.HostAlias ip=1s hostnames=2*s
core.HostIP ip=1s
core.HostPathVolumeSource path=1s type?=2s
core.ISCSIPersistentVolumeSource targetPortal=1s iqn=2s lun=3i iscsiInterface=4s fsType=5s readOnly=6b portals=7*s chapAuthDiscovery=8b secretRef?=10:SecretReference chapAuthSession=11b initiatorName?=12s
core.ISCSIVolumeSource targetPortal=1s iqn=2s lun=3i iscsiInterface=4s fsType=5s readOnly=6b portals=7*s chapAuthDiscovery=8b secretRef?=10:LocalObjectReference chapAuthSession=11b initiatorName?=12s
core.ImageVolumeSource reference=1s pullPolicy=2s
core.KeyToPath key=1s path=2s mode?=3i
core.Lifecycle postStart?=1:LifecycleHandler preStop?=2:LifecycleHandler stopSignal?=3s
core.LifecycleHandler exec?=1:ExecAction httpGet?=2:HTTPGetAction tcpSocket?=3:TCPSocketAction sleep?=4:SleepAction
core.LimitRange metadata=1:meta.ObjectMeta spec=2:LimitRangeSpec
core.LimitRangeItem type=1s max=2%q min=3%q default=4%q defaultRequest=5%q maxLimitRequestRatio=6%q
core.LimitRangeSpec limits=1*:LimitRangeItem
core.LinuxContainerUser uid=1l gid=2l supplementalGroups=3*l
core.LoadBalancerIngress ip=1s hostname=2s ipMode?=3s ports=4*:PortStatus
core.LoadBalancerStatus ingress=1*:LoadBalancerIngress
core.LocalObjectReference name=1s
core.LocalVolumeSource path=1s fsType?=2s
core.ModifyVolumeStatus targetVolumeAttributesClassName=1s status=2s
core.NFSVolumeSource server=1s path=2s readOnly=3b
core.Namespace metadata=1:meta.ObjectMeta spec=2:NamespaceSpec status=3:NamespaceStatus
core.NamespaceCondition type=1s status=2s lastTransitionTime=4t reason=5s message=6s
core.NamespaceSpec finalizers=1*s
core.NamespaceStatus phase=1s conditions=2*:NamespaceCondition
core.Node metadata=1:meta.ObjectMeta spec=2:NodeSpec status=3:NodeStatus
core.NodeAddress type=1s address=2s
core.NodeAffinity requiredDuringSchedulingIgnoredDuringExecution?=1:NodeSelector preferredDuringSchedulingIgnoredDuringExecution=2*:PreferredSchedulingTerm
core.NodeCondition type=1s status=2s lastHeartbeatTime=3t lastTransitionTime=4t reason=5s message=6s
core.NodeConfigSource configMap?=2:ConfigMapNodeConfigSource
core.NodeConfigStatus assigned?=1:NodeConfigSource active?=2:NodeConfigSource lastKnownGood?=3:NodeConfigSource error=4s
core.NodeDaemonEndpoints kubeletEndpoint=1:DaemonEndpoint
core.NodeFeatures supplementalGroupsPolicy?=1b
core.NodeRuntimeHandler name=1s features?=2:NodeRuntimeHandlerFeatures
core.NodeRuntimeHandlerFeatures recursiveReadOnlyMounts?=1b userNamespaces?=2b
core.NodeSelector nodeSelectorTerms=1*:NodeSelectorTerm
core.NodeSelectorRequirement key=1s operator=2s values=3*s
core.NodeSelectorTerm matchExpressions=1*:NodeSelectorRequirement matchFields=2*:NodeSelectorRequirement
core.NodeSpec podCIDR=1s externalID=2s providerID=3s unschedulable=4b taints=5*:Taint configSource?=6:NodeConfigSource podCIDRs=7*s
core.NodeStatus capacity=1%q allocatable=2%q phase=3s conditions=4*:NodeCondition addresses=5*:NodeAddress daemonEndpoints=6:NodeDaemonEndpoints nodeInfo=7:NodeSystemInfo images=8*:ContainerImage volumesInUse=9*s volumesAttached=10*:AttachedVolume config?=11:NodeConfigStatus runtimeHandlers=12*:NodeRuntimeHandler features?=13:NodeFeatures
core.NodeSwapStatus capacity?=1l
core.NodeSystemInfo machineID=1s systemUUID=2s bootID=3s kernelVersion=4s osImage=5s containerRuntimeVersion=6s kubeletVersion=7s kubeProxyVersion=8s operatingSystem=9s architecture=10s swap?=11:NodeSwapStatus
core.ObjectFieldSelector apiVersion=1s fieldPath=2s
core.ObjectReference kind=1s namespace=2s name=3s uid=4s apiVersion=5s resourceVersion=6s fieldPath=7s
core.PersistentVolume metadata=1:meta.ObjectMeta spec=2:PersistentVolumeSpec status=3:PersistentVolumeStatus
core.PersistentVolumeClaim metadata=1:meta.ObjectMeta spec=2:PersistentVolumeClaimSpec status=3:PersistentVolumeClaimStatus
core.PersistentVolumeClaimCondition type=1s status=2s lastProbeTime=3t lastTransitionTime=4t reason=5s message=6s
core.PersistentVolumeClaimSpec accessModes=1*s resources=2:VolumeResourceRequirements volumeName=3s selector?=4:meta.LabelSelector storageClassName?=5s volumeMode?=6s dataSource?=7:TypedLocalObjectReference dataSourceRef?=8:TypedObjectReference volumeAttributesClassName?=9s
core.PersistentVolumeClaimStatus phase=1s accessModes=2*s capacity=3%q conditions=4*:PersistentVolumeClaimCondition allocatedResources=5%q allocatedResourceStatuses=7%s currentVolumeAttributesClassName?=8s modifyVolumeStatus?=9:ModifyVolumeStatus
core.PersistentVolumeClaimTemplate metadata=1:meta.ObjectMeta spec=2:PersistentVolumeClaimSpec
core.PersistentVolumeClaimVolumeSource claimName=1s readOnly=2b
core.PersistentVolumeSource gcePersistentDisk?=1:GCEPersistentDiskVolumeSource awsElasticBlockStore?=2:AWSElasticBlockStoreVolumeSource hostPath?=3:HostPathVolumeSource glusterfs?=4:GlusterfsPersistentVolumeSource nfs?=5:NFSVolumeSource rbd?=6:RBDPersistentVolumeSource iscsi?=7:ISCSIPersistentVolumeSource cinder?=8:CinderPersistentVolumeSource cephfs?=9:CephFSPersistentVolumeSource fc?=10:FCVolumeSource flocker?=11:FlockerVolumeSource flexVolume?=12:FlexPersistentVolumeSource azureFile?=13:AzureFilePersistentVolumeSource vsphereVolume?=14:VsphereVirtualDiskVolumeSource quobyte?=15:QuobyteVolumeSource azureDisk?=16:AzureDiskVolumeSource photonPersistentDisk?=17:PhotonPersistentDiskVolumeSource portworxVolume?=18:PortworxVolumeSource scaleIO?=19:ScaleIOPersistentVolumeSource local?=20:LocalVolumeSource storageos?=21:StorageOSPersistentVolumeSource csi?=22:CSIPersistentVolumeSource
core.PersistentVolumeSpec capacity=1%q .=2:PersistentVolumeSource accessModes=3*s claimRef?=4:ObjectReference persistentVolumeReclaimPolicy=5s storageClassName=6s mountOptions=7*s volumeMode?=8s nodeAffinity?=9:VolumeNodeAffinity volumeAttributesClassName?=10s
core.PersistentVolumeStatus phase=1s message=2s reason=3s lastPhaseTransitionTime?=4t
core.PhotonPersistentDiskVolumeSource pdID=1s fsType=2s
core.Pod metadata=1:meta.ObjectMeta spec=2:PodSpec status=3:PodStatus
core.PodAffinity requiredDuringSchedulingIgnoredDuringExecution=1*:PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2*:WeightedPodAffinityTerm
core.PodAffinityTerm labelSelector?=1:meta.LabelSelector namespaces=2*s topologyKey=3s namespaceSelector?=4:meta.LabelSelector matchLabelKeys=5*s mismatchLabelKeys=6*s
core.PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution=1*:PodAffinityTerm preferredDuringSchedulingIgnoredDuringExecution=2*:WeightedPodAffinityTerm
core.PodCertificateProjection signerName=1s keyType=2s maxExpirationSeconds?=3i credentialBundlePath=4s keyPath=5s certificateChainPath=6s
core.PodCondition type=1s status=2s lastProbeTime=3t lastTransitionTime=4t reason=5s message=6s observedGeneration=7l
core.PodDNSConfig nameservers=1*s searches=2*s options=3*:PodDNSConfigOption
core.PodDNSConfigOption name=1s value?=2s
core.PodExtendedResourceClaimStatus requestMappings=1*:ContainerExtendedResourceRequest resourceClaimName=2s
core.PodIP ip=1s
core.PodOS name=1s
core.PodReadinessGate conditionType=1s
core.PodResourceClaim name=1s resourceClaimName?=3s resourceClaimTemplateName?=4s
core.PodResourceClaimStatus name=1s resourceClaimName?=2s
core.PodSchedulingGate name=1s
core.PodSecurityContext seLinuxOptions?=1:SELinuxOptions runAsUser?=2l runAsNonRoot?=3b supplementalGroups=4*l fsGroup?=5l runAsGroup?=6l sysctls=7*:Sysctl windowsOptions?=8:WindowsSecurityContextOptions fsGroupChangePolicy?=9s seccompProfile?=10:SeccompProfile appArmorProfile?=11:AppArmorProfile supplementalGroupsPolicy?=12s seLinuxChangePolicy?=13s
core.PodSpec volumes=1*:Volume containers=2*:Container restartPolicy=3s terminationGracePeriodSeconds?=4l activeDeadlineSeconds?=5l dnsPolicy=6s nodeSelector=7%s serviceAccountName=8s serviceAccount=9s nodeName=10s hostNetwork=11b hostPID=12b hostIPC=13b securityContext?=14:PodSecurityContext imagePullSecrets=15*:LocalObjectReference hostname=16s subdomain=17s affinity?=18:Affinity schedulerName=19s initContainers=20*:Container automountServiceAccountToken?=21b tolerations=22*:Toleration hostAliases=23*:HostAlias priorityClassName=24s priority?=25i dnsConfig?=26:PodDNSConfig shareProcessNamespace?=27b readinessGates=28*:PodReadinessGate runtimeClassName?=29s enableServiceLinks?=30b preemptionPolicy?=31s overhead=32%q topologySpreadConstraints=33*:TopologySpreadConstraint ephemeralContainers=34*:EphemeralContainer setHostnameAsFQDN?=35b os?=36:PodOS hostUsers?=37b schedulingGates=38*:PodSchedulingGate resourceClaims=39*:PodResourceClaim resources?=40:ResourceRequirements hostnameOverride?=41s
core.PodStatus phase=1s conditions=2*:PodCondition message=3s reason=4s hostIP=5s podIP=6s startTime?=7t containerStatuses=8*:ContainerStatus qosClass=9s initContainerStatuses=10*:ContainerStatus nominatedNodeName=11s podIPs=12*:PodIP ephemeralContainerStatuses=13*:ContainerStatus resize=14s resourceClaimStatuses=15*:PodResourceClaimStatus hostIPs=16*:HostIP observedGeneration=17l extendedResourceClaimStatus?=18:PodExtendedResourceClaimStatus
core.PodStatusResult metadata=1:meta.ObjectMeta status=2:PodStatus
core.PodTemplate metadata=1:meta.ObjectMeta template=2:PodTemplateSpec
core.PodTemplateSpec metadata=1:meta.ObjectMeta spec=2:PodSpec
core.PortStatus port=1i protocol=2s error?=3s
core.PortworxVolumeSource volumeID=1s fsType=2s readOnly=3b
core.PreferredSchedulingTerm weight=1i preference=2:NodeSelectorTerm
core.Probe .=1:ProbeHandler initialDelaySeconds=2i timeoutSeconds=3i periodSeconds=4i successThreshold=5i failureThreshold=6i terminationGracePeriodSeconds?=7l
core.ProbeHandler exec?=1:ExecAction httpGet?=2:HTTPGetAction tcpSocket?=3:TCPSocketAction grpc?=4:GRPCAction
core.ProjectedVolumeSource sources=1*:VolumeProjection defaultMode?=2i
core.QuobyteVolumeSource registry=1s volume=2s readOnly=3b user=4s group=5s tenant=6s
core.RBDPersistentVolumeSource monitors=1*s image=2s fsType=3s pool=4s user=5s keyring=6s secretRef?=7:SecretReference readOnly=8b
core.RBDVolumeSource monitors=1*s image=2s fsType=3s pool=4s user=5s keyring=6s secretRef?=7:LocalObjectReference readOnly=8b
core.RangeAllocation metadata=1:meta.ObjectMeta range=2s data=3y
core.ReplicationController metadata=1:meta.ObjectMeta spec=2:ReplicationControllerSpec status=3:ReplicationControllerStatus
core.ReplicationControllerCondition type=1s status=2s lastTransitionTime=3t reason=4s message=5s
core.ReplicationControllerSpec replicas?=1i selector=2%s template?=3:PodTemplateSpec minReadySeconds=4i
core.ReplicationControllerStatus replicas=1i fullyLabeledReplicas=2i observedGeneration=3l readyReplicas=4i availableReplicas=5i conditions=6*:ReplicationControllerCondition
core.ResourceClaim name=1s request=2s
core.ResourceFieldSelector containerName=1s resource=2s divisor=3q
core.ResourceHealth resourceID=1s health=2s
core.ResourceQuota metadata=1:meta.ObjectMeta spec=2:ResourceQuotaSpec status=3:ResourceQuotaStatus
core.ResourceQuotaSpec hard=1%q scopes=2*s scopeSelector?=3:ScopeSelector
core.ResourceQuotaStatus hard=1%q used=2%q
core.ResourceRequirements limits=1%q requests=2%q claims=3*:ResourceClaim
core.ResourceStatus name=1s resources=2*:ResourceHealth
core.SELinuxOptions user=1s role=2s type=3s level=4s
core.ScaleIOPersistentVolumeSource gateway=1s system=2s secretRef?=3:SecretReference sslEnabled=4b protectionDomain=5s storagePool=6s storageMode=7s volumeName=8s fsType=9s readOnly=10b
core.ScaleIOVolumeSource gateway=1s system=2s secretRef?=3:LocalObjectReference sslEnabled=4b protectionDomain=5s storagePool=6s storageMode=7s volumeName=8s fsType=9s readOnly=10b
core.ScopeSelector matchExpressions=1*:ScopedResourceSelectorRequirement
core.ScopedResourceSelectorRequirement scopeName=1s operator=2s values=3*s
core.SeccompProfile type=1s localhostProfile?=2s
core.Secret metadata=1:meta.ObjectMeta data=2%y type=3s stringData=4%s immutable?=5b
core.SecretEnvSource .=1:LocalObjectReference optional?=2b
core.SecretKeySelector .=1:LocalObjectReference key=2s optional?=3b
core.SecretProjection .=1:LocalObjectReference items=2*:KeyToPath optional?=4b
core.SecretReference name=1s namespace=2s
core.SecretVolumeSource secretName=1s items=2*:KeyToPath defaultMode?=3i optional?=4b
core.SecurityContext capabilities?=1:Capabilities privileged?=2b seLinuxOptions?=3:SELinuxOptions runAsUser?=4l runAsNonRoot?=5b readOnlyRootFilesystem?=6b allowPrivilegeEscalation?=7b runAsGroup?=8l procMount?=9s windowsOptions?=10:WindowsSecurityContextOptions seccompProfile?=11:SeccompProfile appArmorProfile?=12:AppArmorProfile
core.Service metadata=1:meta.ObjectMeta spec=2:ServiceSpec status=3:ServiceStatus
core.ServiceAccount metadata=1:meta.ObjectMeta secrets=2*:ObjectReference imagePullSecrets=3*:LocalObjectReference automountServiceAccountToken?=4b
core.ServiceAccountTokenProjection audience=1s expirationSeconds?=2l path=3s
core.ServicePort name=1s protocol=2s port=3i targetPort=4o nodePort=5i appProtocol?=6s
core.ServiceSpec ports=1*:ServicePort selector=2%s clusterIP=3s type=4s externalIPs=5*s sessionAffinity=7s loadBalancerIP=8s loadBalancerSourceRanges=9*s externalName=10s externalTrafficPolicy=11s healthCheckNodePort=12i publishNotReadyAddresses=13b sessionAffinityConfig?=14:SessionAffinityConfig ipFamilyPolicy?=17s clusterIPs=18*s ipFamilies=19*s allocateLoadBalancerNodePorts?=20b loadBalancerClass?=21s internalTrafficPolicy?=22s trafficDistribution?=23s
core.ServiceStatus loadBalancer=1:LoadBalancerStatus conditions=2*:meta.Condition
core.SessionAffinityConfig clientIP?=1:ClientIPConfig
core.SleepAction seconds=1l
core.StorageOSPersistentVolumeSource volumeName=1s volumeNamespace=2s fsType=3s readOnly=4b secretRef?=5:ObjectReference
core.StorageOSVolumeSource volumeName=1s volumeNamespace=2s fsType=3s readOnly=4b secretRef?=5:LocalObjectReference
core.Sysctl name=1s value=2s
core.TCPSocketAction port=1o host=2s
core.Taint key=1s value=2s effect=3s timeAdded?=4t
core.Toleration key=1s operator=2s value=3s effect=4s tolerationSeconds?=5l
core.TopologySpreadConstraint maxSkew=1i topologyKey=2s whenUnsatisfiable=3s labelSelector?=4:meta.LabelSelector minDomains?=5i nodeAffinityPolicy?=6s nodeTaintsPolicy?=7s matchLabelKeys=8*s
core.TypedLocalObjectReference apiGroup?=1s kind=2s name=3s
core.TypedObjectReference apiGroup?=1s kind=2s name=3s namespace?=4s
core.Volume name=1s .=2:VolumeSource
core.VolumeDevice name=1s devicePath=2s
core.VolumeMount name=1s readOnly=2b mountPath=3s subPath=4s mountPropagation?=5s subPathExpr=6s recursiveReadOnly?=7s
core.VolumeMountStatus name=1s mountPath=2s readOnly=3b recursiveReadOnly?=4s
core.VolumeNodeAffinity required?=1:NodeSelector
core.VolumeProjection secret?=1:SecretProjection downwardAPI?=2:DownwardAPIProjection configMap?=3:ConfigMapProjection serviceAccountToken?=4:ServiceAccountTokenProjection clusterTrustBundle?=5:ClusterTrustBundleProjection podCertificate?=6:PodCertificateProjection
core.VolumeResourceRequirements limits=1%q requests=2%q
core.VolumeSource hostPath?=1:HostPathVolumeSource emptyDir?=2:EmptyDirVolumeSource gcePersistentDisk?=3:GCEPersistentDiskVolumeSource awsElasticBlockStore?=4:AWSElasticBlockStoreVolumeSource gitRepo?=5:GitRepoVolumeSource secret?=6:SecretVolumeSource nfs?=7:NFSVolumeSource iscsi?=8:ISCSIVolumeSource glusterfs?=9:GlusterfsVolumeSource persistentVolumeClaim?=10:PersistentVolumeClaimVolumeSource rbd?=11:RBDVolumeSource flexVolume?=12:FlexVolumeSource cinder?=13:CinderVolumeSource cephfs?=14:CephFSVolumeSource flocker?=15:FlockerVolumeSource downwardAPI?=16:DownwardAPIVolumeSource fc?=17:FCVolumeSource azureFile?=18:AzureFileVolumeSource configMap?=19:ConfigMapVolumeSource vsphereVolume?=20:VsphereVirtualDiskVolumeSource quobyte?=21:QuobyteVolumeSource azureDisk?=22:AzureDiskVolumeSource photonPersistentDisk?=23:PhotonPersistentDiskVolumeSource portworxVolume?=24:PortworxVolumeSource scaleIO?=25:ScaleIOVolumeSource projected?=26:ProjectedVolumeSource storageos?=27:StorageOSVolumeSource csi?=28:CSIVolumeSource ephemeral?=29:EphemeralVolumeSource image?=30:ImageVolumeSource
core.VsphereVirtualDiskVolumeSource volumePath=1s fsType=2s storagePolicyName=3s storagePolicyID=4s
core.WeightedPodAffinityTerm weight=1i podAffinityTerm=2:PodAffinityTerm
core.WindowsSecurityContextOptions gmsaCredentialSpecName?=1s gmsaCredentialSpec?=2s runAsUserName?=3s hostProcess?=4b
discovery.Endpoint addresses=1*s conditions=2:EndpointConditions hostname?=3s targetRef?=4:core.ObjectReference deprecatedTopology=5%s nodeName?=6s zone?=7s hints?=8:EndpointHints
discovery.EndpointConditions ready?=1b serving?=2b terminating?=3b
discovery.EndpointHints forZones=1*:ForZone forNodes=2*:ForNode
discovery.EndpointPort name?=1s protocol?=2s port?=3i appProtocol?=4s
discovery.EndpointSlice metadata=1:meta.ObjectMeta endpoints=2*:Endpoint ports=3*:EndpointPort addressType=4s
discovery.ForNode name=1s
discovery.ForZone name=1s
events.Event metadata=1:meta.ObjectMeta eventTime=2u series?=3:EventSeries reportingController=4s reportingInstance=5s action=6s reason=7s regarding=8:core.ObjectReference related?=9:core.ObjectReference note=10s type=11s deprecatedSource=12:core.EventSource deprecatedFirstTimestamp=13t deprecatedLastTimestamp=14t deprecatedCount=15i
events.EventSeries count=1i lastObservedTime=2u
meta.Condition type=1s status=2s observedGeneration=3l lastTransitionTime=4t reason=5s message=6s
meta.DeleteOptions gracePeriodSeconds?=1l preconditions?=2:Preconditions orphanDependents?=3b propagationPolicy?=4s dryRun=5*s ignoreStoreReadErrorWithClusterBreakingPotential?=6b
meta.FieldSelectorRequirement key=1s operator=2s values=3*s
meta.LabelSelector matchLabels=1%s matchExpressions=2*:LabelSelectorRequirement
meta.LabelSelectorRequirement key=1s operator=2s values=3*s
meta.ListMeta selfLink=1s resourceVersion=2s continue=3s remainingItemCount?=4l
meta.ManagedFieldsEntry manager=1s operation=2s apiVersion=3s time?=4t fieldsType=6s fieldsV1?=7j subresource=8s
meta.ObjectMeta name=1s generateName=2s namespace=3s selfLink=4s uid=5s resourceVersion=6s generation=7l creationTimestamp=8t deletionTimestamp?=9t deletionGracePeriodSeconds?=10l labels=11%s annotations=12%s ownerReferences=13*:OwnerReference finalizers=14*s managedFields=17*:ManagedFieldsEntry
meta.OwnerReference kind=1s name=3s uid=4s apiVersion=5s controller?=6b blockOwnerDeletion?=7b
meta.PartialObjectMetadata metadata=1:ObjectMeta
meta.Preconditions uid?=1s resourceVersion?=2s
meta.Status metadata=1:ListMeta status=2s message=3s reason=4s details?=5:StatusDetails code=6i
meta.StatusCause reason=1s message=2s field=3s
meta.StatusDetails name=1s group=2s kind=3s causes=4*:StatusCause retryAfterSeconds=5i uid=6s
meta.WatchEvent type=1s object=2r
policy.Eviction metadata=1:meta.ObjectMeta deleteOptions?=2:meta.DeleteOptions
policy.PodDisruptionBudget metadata=1:meta.ObjectMeta spec=2:PodDisruptionBudgetSpec status=3:PodDisruptionBudgetStatus
policy.PodDisruptionBudgetSpec minAvailable?=1o selector?=2:meta.LabelSelector maxUnavailable?=3o unhealthyPodEvictionPolicy?=4s
policy.PodDisruptionBudgetStatus observedGeneration=1l disruptedPods=2%t disruptionsAllowed=3i currentHealthy=4i desiredHealthy=5i expectedPods=6i conditions=7*:meta.Condition
rbac.AggregationRule clusterRoleSelectors=1*:meta.LabelSelector
rbac.ClusterRole metadata=1:meta.ObjectMeta rules=2*:PolicyRule aggregationRule?=3:AggregationRule
rbac.ClusterRoleBinding metadata=1:meta.ObjectMeta subjects=2*:Subject roleRef=3:RoleRef
rbac.PolicyRule verbs=1*s apiGroups=2*s resources=3*s resourceNames=4*s nonResourceURLs=5*s
rbac.Role metadata=1:meta.ObjectMeta rules=2*:PolicyRule
rbac.RoleBinding metadata=1:meta.ObjectMeta subjects=2*:Subject roleRef=3:RoleRef
rbac.RoleRef apiGroup=1s kind=2s name=3s
rbac.Subject kind=1s apiGroup=2s name=3s namespace=4s
`;
